"""Instruments for models that are told a task and its time: matching steps, and who is at work."""
