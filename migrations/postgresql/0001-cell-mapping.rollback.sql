DROP TABLE cell_mapping;
