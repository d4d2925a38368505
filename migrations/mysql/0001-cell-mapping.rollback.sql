-- transactional: false
DROP TABLE cell_mapping;
