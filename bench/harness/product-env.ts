/** Variables of the product's processes where a bench runs the whole of it. */
export const productEnv = {
	ADMIN_EMAIL: "admin@zeolite.example",
	ADMIN_PASSWORD: "admin-password",
	RATE_LIMIT: "off",
	LOG_LEVEL: "warn",
	SANDBOX: "on",
	NODE_ENV: "production",
	SERVICE_SECRET_KEY: "a-secret-for-benches-0123456789abcdef",
};
