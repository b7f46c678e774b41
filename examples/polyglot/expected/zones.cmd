run pipeline.yaml --input table=@zone1970.tab --input count=5
