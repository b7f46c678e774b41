sim pipeline.yaml --seeds 200
