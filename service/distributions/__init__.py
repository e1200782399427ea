"""How values are distributed, as counts in bins: of training in a bundle, of files in a report."""
