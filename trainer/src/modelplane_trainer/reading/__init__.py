"""The one way in which the trainer reads a table, for training, validation and batches alike.

`file_kind` says what a file really is, `encoding` makes it UTF-8; `csv_dialect` and `csv_file`, `json_lines`
and `parquet_file` give rows block by block; `partitions` adds what folders say, `tables` puts files together.
`markers` and `number_forms` list how people write a missing value and a number. `deciding` says once, in
training, what a column holds (or `asked_types`, where the caller says it); `values` reads a column by such a
decision, in training (`interpreting`) as in every batch.
"""
