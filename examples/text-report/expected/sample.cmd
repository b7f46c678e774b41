run pipeline.yaml --input text=@sample.txt --input top=5
