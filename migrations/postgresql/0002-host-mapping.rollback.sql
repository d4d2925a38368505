DROP TABLE host_mapping;
