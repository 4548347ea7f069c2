"""Time and memory: of layers, of whole steps, against another library, and what a run will take."""
