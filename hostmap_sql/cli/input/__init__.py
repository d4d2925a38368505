"""Reading files: from bytes to pairs of a host and a cell.

A file passes through these modules, in this order:

1. `files` reads the bytes; `decoding` turns them into text, whatever system wrote them.
2. `detection` recognizes the format by the first lines, unless an option names it.
3. `reader` calls the module of that format, which finds the columns (`columns`, `header`) and
   collects records and bad lines with their line numbers (`records`): `delimited` (CSV), `table`,
   `aligned`, `json_documents` and `yaml_documents` (both by `documents`), or `lines` (names alone,
   checked by `host_names`).
4. `resolve_cells` turns each record into a pair of a host and the UUID of its cell. A record that
   it refuses is a bad line, too; after `records.MAX_BAD_LINES`, reading stops.
5. `bad_lines` reports the lines that cannot be used.

`options` has the command-line options that these steps take.
"""
