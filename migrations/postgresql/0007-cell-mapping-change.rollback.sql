DROP TABLE cell_mapping_change;
