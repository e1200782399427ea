"""The charts of the operator's page, as plain data: a browser draws them, a table repeats them."""
