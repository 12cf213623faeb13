"""`discover new`: a new connector that keeps every rule of the kit, rendered from a template and a few answers."""
