"""The query language compiled to SQL, and the tables that it runs on."""
