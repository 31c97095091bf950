"""Past tickets become a draft of an assistant: intents, examples, answers. Nothing here is served; people review it."""
