"""What stands for null in a CSV file, in every column but those of texts."""

NULL_WORDS = ("", "NA", "N/A", "#N/A", "<NA>", "n/a", "NaN", "nan", "NULL", "null", "None")
