"""The command: mounts each package's cli and wires what joins several lanes."""
