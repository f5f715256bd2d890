"""Statistics, tables and figures from run directories; never imports torch."""
