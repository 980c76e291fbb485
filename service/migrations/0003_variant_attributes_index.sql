-- attr.<name>= of what a product has in several values, which stand on its variants
CREATE INDEX variants_attributes ON variants USING gin (attributes jsonb_path_ops);
