-- Indexes for the lists of the catalogue; each serves a statement of service/src/catalog/statements.ts
-- or vendors/repository.ts. A position compares whole rows, so the last column is always id, in the
-- direction of the first. Storefront lists show active products only: the orders that only they have
-- are partial.

-- sort=newest, and the lists of an administrator by status
CREATE INDEX products_status_newest ON products (status, created_at DESC, id DESC);

-- vendor=, and a vendor's own products by status; the number of a vendor's products
CREATE INDEX products_vendor_newest ON products (vendor_id, status, created_at DESC, id DESC);

-- brand=
CREATE INDEX products_brand_newest ON products (brand_id, created_at DESC, id DESC)
  WHERE status = 'active';

-- category= with descendants: a range of paths
CREATE INDEX products_category_path ON products (category_path) WHERE status = 'active';

-- sort=price, and backwards sort=-price; minPrice=, maxPrice=
CREATE INDEX products_price ON products (price_minor, id) WHERE status = 'active';

-- sort=rating
CREATE INDEX products_rating ON products (rating_average DESC, rating_count DESC, id DESC)
  WHERE status = 'active';

-- sort=popular
CREATE INDEX products_popular ON products (popularity DESC, id DESC) WHERE status = 'active';

-- attr.<name>=
CREATE INDEX products_attributes ON products USING gin (attributes jsonb_path_ops)
  WHERE status = 'active';

-- vendors by name
CREATE INDEX vendors_name ON vendors (name, id) WHERE status = 'active';
