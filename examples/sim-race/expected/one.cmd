sim pipeline.yaml --seed 10 --strategy work-queue
