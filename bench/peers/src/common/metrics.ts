import { collectDefaultMetrics, Histogram, register } from "prom-client";

collectDefaultMetrics();

const http = new Histogram({
	name: "http_server_request_duration_seconds",
	help: "Time of HTTP requests by route",
	labelNames: ["route", "method", "status"] as const,
	buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
});

/** Notes the time of a request, s. */
export const observe = (route: string, method: string, status: number, seconds: number): void =>
	http.observe({ route, method, status: String(status) }, seconds);

export const metricsText = (): Promise<string> => register.metrics();
