run pipeline.yaml
