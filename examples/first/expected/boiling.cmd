run pipeline.yaml --input fahrenheit=212
