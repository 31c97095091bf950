"""Other engines of retrieval, each as its own documentation would have it used."""
