run pipeline.yaml --input csv=@sample.csv
