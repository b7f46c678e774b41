sim pipeline.yaml --seed 2 --strategy work-queue
