-- transactional: false
DROP TABLE host_mapping_change;
