"""Images, masks and engines; knows no page, no database, no training of others."""
