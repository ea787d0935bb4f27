"""What the commands of `hyperdyn` do: one file each, with `run(cfg)`."""
