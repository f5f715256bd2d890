"""The subcommands of ``harness``, one file each. They import what they need when called."""
