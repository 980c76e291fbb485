import postgres from "postgres";

/** What `seedCatalogue` puts there, for tests that count. */
export const seededVendors = 60;
/** 5 roots, 4 children each, 4 leaves each of those. */
export const seededCategories = 5 + 20 + 80;

/**
 * A catalogue with the shape of a real one, by SQL alone and always the same: products spread over
 * leaves, vendors, brands, prices and dates without order, two variants each, one in ten out of
 * stock, one in fifty archived, the last vendor suspended.
 */
export async function seedCatalogue(postgresUrl: string, products = 5000): Promise<void> {
  const sql = postgres(postgresUrl, { max: 1, onnotice: () => {} });
  try {
    await sql.begin(async (tx) => {
      await tx.unsafe(vendorsAndBrands);
      await tx.unsafe(categoryLevels);
      await tx.unsafe(insertProducts(products));
      await tx.unsafe(variantsAndStock);
    });
    await sql.unsafe("VACUUM ANALYZE");
  } finally {
    await sql.end();
  }
}

const vendorsAndBrands = `
  INSERT INTO vendors (slug, name, description, city, status, rating_average, rating_count)
  SELECT 'vendedor-' || n, 'Vendedor ' || lpad(n::text, 3, '0'), 'Desde 1990', 'Sevilla',
    CASE WHEN n = ${seededVendors} THEN 'suspended' ELSE 'active' END, 4.25, n
  FROM generate_series(1, ${seededVendors}) n;
  INSERT INTO brands (slug, name) SELECT 'marca-' || n, 'Marca ' || n FROM generate_series(1, 40) n`;

const categoryLevels = `
  INSERT INTO categories (path, slug, name, position)
  SELECT n::text::ltree, 'raiz-' || n, 'Raíz ' || n, n FROM generate_series(1, 5) s (n) ORDER BY s.n;
  INSERT INTO categories (parent_id, path, slug, name, position)
  SELECT parent.id, parent.path || own.id, parent.slug || '-' || n, parent.name || ' ' || n, n
  FROM categories parent, generate_series(1, 4) s (n),
    LATERAL (SELECT (5 + (parent.id - 1) * 4 + n)::text AS id) own
  WHERE nlevel(parent.path) = 1 ORDER BY parent.id, s.n;
  INSERT INTO categories (parent_id, path, slug, name, position)
  SELECT parent.id, parent.path || own.id, parent.slug || '-' || n, parent.name || ' ' || n, n
  FROM categories parent, generate_series(1, 4) s (n),
    LATERAL (SELECT (25 + (parent.id - 6) * 4 + n)::text AS id) own
  WHERE nlevel(parent.path) = 2 ORDER BY parent.id, s.n`;

/** 7919, 104729 and the like are primes: multiplied and cut they scatter without a seed. */
const insertProducts = (products: number) => `
  INSERT INTO products (slug, product_key, vendor_id, brand_id, category_id, category_path, status,
    title, description, attributes, images, currency, price_minor, in_stock, rating_average,
    rating_count, popularity, created_at)
  SELECT 'producto-' || n, 'P' || n, 1 + n::bigint * 7919 % ${seededVendors},
    CASE WHEN n % 10 = 0 THEN NULL ELSE 1 + n::bigint * 104729 % 40 END, leaf.id, leaf.path,
    CASE WHEN n % 50 = 0 THEN 'archived' ELSE 'active' END,
    'Producto ' || n, repeat('Un texto que describe el producto. ', 8),
    jsonb_build_object('color', (ARRAY['rojo', 'azul', 'verde', 'negro', 'blanco'])[1 + n % 5],
      'peso', 100 + n % 900, 'modelo', 'M' || n % 1000),
    CASE WHEN n % 7 = 0 THEN '[]' ELSE jsonb_build_array('/img/' || n || '.webp') END::jsonb,
    'EUR', 199 + n::bigint * 15485863 % 90000, n % 10 <> 3, (n % 41) / 10.0 + 0.9, n * 31 % 400,
    n::bigint * 32452843 % 100000,
    '2026-01-01'::timestamptz + n::bigint * 49979687 % 20000000 * interval '1 second' + n * interval '1 microsecond'
  FROM generate_series(1, ${products}) n
  JOIN (SELECT id, path, row_number() OVER (ORDER BY id) AS place FROM categories WHERE nlevel(path) = 3) leaf
    ON leaf.place = 1 + n::bigint * 86028121 % 80`;

const variantsAndStock = `
  INSERT INTO variants (product_id, sku, position, attributes, price_minor)
  SELECT p.id, p.product_key || '-' || n, n, jsonb_build_object('talla', n), p.price_minor + n * 100
  FROM products p, generate_series(0, 1) n;
  INSERT INTO stock (variant_id, on_hand, reserved)
  SELECT r.id, CASE WHEN p.in_stock THEN 3 + r.id % 20 ELSE 0 END, 0
  FROM variants r JOIN products p ON p.id = r.product_id`;
