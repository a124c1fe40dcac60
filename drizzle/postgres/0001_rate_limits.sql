-- UNLOGGED by hand: drizzle has no word for it.
CREATE UNLOGGED TABLE IF NOT EXISTS "rate_limits" (
	"key" varchar(255) PRIMARY KEY NOT NULL,
	"points" integer DEFAULT 0 NOT NULL,
	"expire" bigint
);
