"""What can be read off a model without attacking it: records, tables and small groups inside it."""
