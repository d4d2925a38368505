"""Reading files: their format, the columns that count, and their records with line numbers.

Each format has a module that turns a text into records: `delimited` (CSV), `table`, `aligned`,
`json_documents`, `yaml_documents` and `plain`. `detection` tells which one a file has, `reader`
puts them together.
"""
