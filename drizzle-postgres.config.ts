import { defineConfig } from 'drizzle-kit';

export default defineConfig({
  dialect: 'postgresql',
  schema: './server/store/postgres/schema.ts',
  out: './drizzle/postgres',
  // Where the tables are, so that no right is needed to make a schema beside them.
  migrations: { schema: 'public', table: '__drizzle_migrations' },
});
