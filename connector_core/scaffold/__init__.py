"""What `discover new` writes: a connector that keeps every rule of the kit, from a template and a few answers."""
