"""Which past answers an edit changes: those whose evidence it can touch are asked again, the others are proven to stand."""
