"""What acts in a system while its data are collected: one behaviour per file."""
