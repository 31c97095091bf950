"""The same assistant as the users of other libraries would write it: documents, a model, an HTTP door with SSE.

All search the same tantivy index for the best four passages and call the same model server. They keep no history and
store nothing, which is less than Shipmate does in a turn.
"""
