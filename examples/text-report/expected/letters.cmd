run pipeline.yaml --input text=@expected/letters.txt --input top=8
