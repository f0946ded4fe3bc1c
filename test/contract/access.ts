/**
 * Who may do what, written by hand from the description of the API and from nothing in the code. A line is a route, the
 * case where it has several, who may call it at all, and what each actor is answered: nobody, a user, the thing's owner,
 * another owner, its teacher, another teacher, an admin, a service it is open to, a service it is not.
 */
const table = `
# route                                          case           access                    none user own  othr tchr coll admn serv wrng
GET    /api/health                               .              public                    200  200  200  200  200  200  200  200  200
GET    /openapi.json                             .              public                    200  200  200  200  200  200  200  200  200
GET    /problems/:slug                           .              public                    200  200  200  200  200  200  200  200  200
GET    /favicon.ico                              .              public                    200  200  200  200  200  200  200  200  200
GET    /docs                                     .              public                    200  200  200  200  200  200  200  200  200
GET    /docs/:file                               .              public                    200  200  200  200  200  200  200  200  200
GET    /docs/problems/:slug                      .              public                    200  200  200  200  200  200  200  200  200
GET    /                                         .              public                    200  200  200  200  200  200  200  200  200
GET    /school                                   .              public                    200  200  200  200  200  200  200  200  200
GET    /school/checkout                          .              public                    200  200  200  200  200  200  200  200  200
GET    /school/:version/:file                    .              public                    200  200  200  200  200  200  200  200  200
GET    /.well-known/jwks.json                    .              public                    200  200  200  200  200  200  200  200  200

POST   /api/auth/register                        .              public                    201  201  201  201  201  201  201  201  201
POST   /api/auth/login                           .              public                    200  200  200  200  200  200  200  200  200
POST   /api/auth/refresh                         .              public                    200  200  200  200  200  200  200  200  200
POST   /api/auth/verify                          .              public                    200  200  200  200  200  200  200  200  200
POST   /api/auth/logout                          .              user                      401  204  204  204  204  204  204  401  401
POST   /api/auth/password/forgot                 .              public                    202  202  202  202  202  202  202  202  202
POST   /api/auth/password/reset                  .              public                    204  204  204  204  204  204  204  204  204
POST   /api/auth/email/verify                    .              public                    204  204  204  204  204  204  204  204  204
POST   /api/auth/email/resend                    .              user                      401  202  202  202  202  202  202  401  401
GET    /api/auth/me                              .              user                      401  200  200  200  200  200  200  401  401
GET    /api/auth/user                            .              user                      401  200  200  200  200  200  200  401  401
GET    /api/auth/sessions                        .              user                      401  200  200  200  200  200  200  401  401
DELETE /api/auth/sessions/:id                    .              user                      401  404  204  404  404  404  404  401  401

GET    /api/users/me                             .              user                      401  200  200  200  200  200  200  401  401
PATCH  /api/users/me                             .              user                      401  200  200  200  200  200  200  401  401
GET    /api/users/:id                            .              user                      401  200  200  200  200  200  200  401  401
GET    /api/users                                .              admin                     401  403  403  403  403  403  200  401  401
PUT    /api/users/:id/roles                      .              admin                     401  403  403  403  403  403  200  401  401
PUT    /api/users/:id/approval                   .              admin                     401  403  403  403  403  403  200  401  401

GET    /api/courses                              .              public                    200  200  200  200  200  200  200  200  200
GET    /api/courses/:id                          .              public                    200  200  200  200  200  200  200  200  200
GET    /api/courses/:id                          draft          public                    404  404  404  404  200  404  200  404  404
GET    /api/courses/:id                          retracted      public                    404  404  200  404  200  404  200  404  404
GET    /api/courses/:id                          shelved        public                    404  404  404  404  200  404  200  404  404
POST   /api/courses                              .              admin,teacher             401  403  403  403  201  201  201  401  401
PATCH  /api/courses/:id                          .              user                      401  403  403  403  200  403  200  401  401
PATCH  /api/courses/:id                          draft          user                      401  404  404  404  200  404  200  401  401
PATCH  /api/courses/:id                          retracted      user                      401  404  403  404  200  404  200  401  401
DELETE /api/courses/:id                          .              user                      401  403  403  403  200  403  200  401  401
DELETE /api/courses/:id                          draft          user                      401  404  404  404  200  404  200  401  401
PUT    /api/courses/:id/order                    .              user                      401  403  403  403  200  403  200  401  401
PUT    /api/courses/:id/order                    draft          user                      401  404  404  404  200  404  200  401  401
POST   /api/courses/:id/sections                 .              user                      401  403  403  403  201  403  201  401  401
POST   /api/courses/:id/sections                 draft          user                      401  404  404  404  201  404  201  401  401
PATCH  /api/sections/:id                         .              user                      401  403  403  403  200  403  200  401  401
PATCH  /api/sections/:id                         draft          user                      401  404  404  404  200  404  200  401  401
DELETE /api/sections/:id                         .              user                      401  403  403  403  204  403  204  401  401
DELETE /api/sections/:id                         draft          user                      401  404  404  404  204  404  204  401  401
POST   /api/sections/:id/lectures                .              user                      401  403  403  403  201  403  201  401  401
POST   /api/sections/:id/lectures                draft          user                      401  404  404  404  201  404  201  401  401
GET    /api/lectures/:id                         .              public                    403  403  200  403  200  403  200  403  403
GET    /api/lectures/:id                         preview        public                    200  200  200  200  200  200  200  200  200
GET    /api/lectures/:id                         draft          public                    404  404  404  404  200  404  200  404  404
PATCH  /api/lectures/:id                         .              user                      401  403  403  403  200  403  200  401  401
PATCH  /api/lectures/:id                         draft          user                      401  404  404  404  200  404  200  401  401
DELETE /api/lectures/:id                         .              user                      401  403  403  403  204  403  204  401  401
DELETE /api/lectures/:id                         draft          user                      401  404  404  404  204  404  204  401  401
POST   /api/lectures/:id/upload                  .              user                      401  403  403  403  201  403  201  401  401
POST   /api/lectures/:id/upload                  draft          user                      401  404  404  404  201  404  201  401  401
POST   /api/lectures/:id/confirm-upload          .              user                      401  403  403  403  200  403  200  401  401
POST   /api/lectures/:id/confirm-upload          draft          user                      401  404  404  404  404  404  404  401  401
GET    /api/lectures/:id/status                  .              user                      401  403  403  403  200  403  200  401  401
GET    /api/lectures/:id/status                  draft          user                      401  404  404  404  404  404  404  401  401
GET    /api/courses/internal/:id                 .              payment,file,user-service 401  403  403  403  403  403  403  200  403

POST   /api/enrollments                          .              user                      401  201  201  201  201  201  201  401  401
POST   /api/enrollments                          paid           user                      401  402  409  402  402  402  402  401  401
POST   /api/enrollments                          draft          user                      401  404  404  404  404  404  404  401  401
GET    /api/enrollments                          .              user                      401  200  200  200  200  200  200  401  401
GET    /api/enrollments/:id                      .              user                      401  404  200  404  200  404  404  401  401
GET    /api/enrollments/course/:courseId         .              user                      401  404  200  404  404  404  404  401  401
PATCH  /api/enrollments/course/:courseId/progress .             user                      401  404  200  404  404  404  404  401  401
GET    /api/enrollments/:id/explain-progress     .              user                      401  404  200  404  200  404  404  401  401
POST   /api/enrollments/:id/certificate          .              user                      401  404  201  404  403  404  404  401  401
POST   /api/enrollments/:id/certificate          active         user                      401  404  409  404  403  404  404  401  401
GET    /api/certificates/:id                     .              public                    200  200  200  200  200  200  200  200  200
GET    /api/certificates/:id/pdf                 .              public                    200  200  200  200  200  200  200  200  200
GET    /api/certificates/:id/jws                 .              public                    200  200  200  200  200  200  200  200  200
GET    /.well-known/certificate-keys.json        .              public                    200  200  200  200  200  200  200  200  200
GET    /certificates/:id                         .              public                    200  200  200  200  200  200  200  200  200
GET    /certificates/:id                         none           public                    404  404  404  404  404  404  404  404  404
GET    /certificates/page/certificate.css        .              public                    200  200  200  200  200  200  200  200  200
POST   /api/enrollments/internal/complete        .              payment,course-service    401  403  403  403  403  403  403  200  403
POST   /api/enrollments/internal/drop            .              payment,course-service    401  403  403  403  403  403  403  200  403

POST   /api/reviews                              .              user                      401  403  201  403  403  403  403  401  401
POST   /api/reviews                              again          user                      401  403  409  403  403  403  403  401  401
POST   /api/reviews                              draft          user                      401  404  404  404  403  404  404  401  401
GET    /api/reviews                              .              public                    200  200  200  200  200  200  200  200  200
GET    /api/reviews/mine                         .              user                      401  200  200  200  200  200  200  401  401
PATCH  /api/reviews/:id                          .              user                      401  403  200  403  403  403  403  401  401
DELETE /api/reviews/:id                          .              user                      401  403  204  403  403  403  204  401  401
POST   /api/reviews/:id/reply                    .              user                      401  403  403  403  201  403  403  401  401
GET    /api/figures/courses/:id                  .              admin,teacher             401  403  403  403  200  403  200  401  401
GET    /api/figures/courses/:id                  draft          admin,teacher             401  403  403  403  200  404  200  401  401
GET    /api/figures/teaching                     .              admin,teacher             401  403  403  403  200  200  200  401  401
POST   /api/figures/rebuild                      .              admin                     401  403  403  403  403  403  200  401  401

POST   /api/payments                             .              user                      401  201  409  201  201  201  201  401  401
POST   /api/payments                             draft          user                      401  404  404  404  404  404  404  401  401
GET    /api/payments                             .              user                      401  200  200  200  200  200  200  401  401
GET    /api/payments/:id                         .              user                      401  404  200  404  404  404  200  401  401
GET    /api/payments/:id/explain                 .              user                      401  404  200  404  404  404  200  401  401
GET    /api/payments/:id/refund-quote            .              user                      401  404  200  404  404  404  200  401  401
POST   /api/payments/:id/cancel                  .              user                      401  404  200  404  404  404  403  401  401
POST   /api/payments/:id/verify                  .              user                      401  404  200  404  404  404  403  401  401
POST   /api/payments/:id/refund                  .              user                      401  404  200  404  404  404  200  401  401
POST   /api/payments/:id/refund                  amount         user                      401  404  403  404  404  404  200  401  401
POST   /api/payments/internal/create             .              payment,course-service    401  403  403  403  403  403  403  201  403
GET    /api/payments/internal/:id                .              payment,course-service    401  403  403  403  403  403  403  200  403
GET    /api/payment-events                       .              admin                     401  403  403  403  403  403  200  401  401
POST   /api/payment-events/:id/replay            .              admin                     401  403  403  403  403  403  200  401  401
POST   /webhooks/:provider                       unsigned       public                    400  400  400  400  400  400  400  400  400
POST   /webhooks/:provider                       closed         public                    404  404  404  404  404  404  404  404  404
POST   /webhooks/mux                             closed         public                    404  404  404  404  404  404  404  404  404
POST   /api/sandbox/payments/:id/complete        .              user                      401  404  200  404  404  404  403  401  401
GET    /sandbox/checkout/:id                     .              public                    200  200  200  200  200  200  200  200  200
GET    /sandbox/checkout/:id                     wrong-secret   public                    404  404  404  404  404  404  404  404  404
POST   /sandbox/checkout/:id                     .              public                    200  200  200  200  200  200  200  200  200
POST   /sandbox/checkout/:id                     wrong-secret   public                    404  404  404  404  404  404  404  404  404
GET    /api/sandbox/mails                        .              user                      401  200  200  200  200  200  200  401  401
GET    /sandbox/inbox                            .              public                    200  200  200  200  200  200  200  200  200
GET    /sandbox/inbox.js                         .              public                    200  200  200  200  200  200  200  200  200
GET    /sandbox/inbox.css                        .              public                    200  200  200  200  200  200  200  200  200
GET    /sandbox/checkout.js                      .              public                    200  200  200  200  200  200  200  200  200
GET    /sandbox/checkout.css                     .              public                    200  200  200  200  200  200  200  200  200

GET    /api/sentinel                               .              admin                     401  403  403  403  403  403  200  401  401

GET    /ops                                      .              public                    200  200  200  200  200  200  200  200  200
GET    /ops/:file                                .              public                    200  200  200  200  200  200  200  200  200
GET    /api/ops/mesh                             .              admin                     401  403  403  403  403  403  200  401  401
GET    /api/ops/calls                            .              admin                     401  403  403  403  403  403  200  401  401
GET    /api/ops/errors                           .              admin                     401  403  403  403  403  403  200  401  401
GET    /api/ops/facts                            .              admin                     401  403  403  403  403  403  200  401  401
GET    /api/ops/facts/:service                   .              admin                     401  403  403  403  403  403  200  401  401
POST   /api/ops/facts/:service/:factId/replay    .              admin                     401  403  403  403  403  403  200  401  401

POST   /api/files/internal/presigned-url         .              course-service            401  403  403  403  403  403  403  201  403
POST   /api/files/internal/confirm/:id           .              course-service            401  403  403  403  403  403  403  200  403
GET    /api/files/internal/:id                   .              course-service            401  403  403  403  403  403  403  200  403
DELETE /api/files/internal/:id                   .              course-service            401  403  403  403  403  403  403  200  403
GET    /api/files/:id                            .              user                      401  404  404  404  200  404  404  401  401
POST   /api/files/:id/parts                      .              user                      401  404  404  404  200  404  404  401  401
GET    /api/files/:id/parts                      .              user                      401  404  404  404  200  404  404  401  401
PUT    /api/files/uploads/:ticket                .              public                    200  200  200  200  200  200  200  200  200
PUT    /api/files/uploads/:ticket                forged         public                    403  403  403  403  403  403  403  403  403
GET    /api/files/downloads/:ticket              .              public                    200  200  200  200  200  200  200  200  200
GET    /api/files/downloads/:ticket              forged         public                    403  403  403  403  403  403  403  403  403

GET    /api/ledger/accounts                      .              admin                     401  403  403  403  403  403  200  401  401
GET    /api/ledger/transfers                     .              admin                     401  403  403  403  403  403  200  401  401
POST   /api/ledger/audit                         .              admin                     401  403  403  403  403  403  200  401  401

GET    /api/notifications                        .              user                      401  200  200  200  200  200  200  401  401
GET    /api/notifications/preferences            .              user                      401  200  200  200  200  200  200  401  401
PUT    /api/notifications/preferences            .              user                      401  200  200  200  200  200  200  401  401
GET    /api/notifications/unsubscribe/:token     .              public                    200  200  200  200  200  200  200  200  200
GET    /api/notifications/unsubscribe/:token     forged         public                    404  404  404  404  404  404  404  404  404
POST   /api/notifications/unsubscribe/:token     .              public                    200  200  200  200  200  200  200  200  200
POST   /api/notifications/unsubscribe/:token     forged         public                    404  404  404  404  404  404  404  404  404
PATCH  /api/notifications/:id/read               .              user                      401  404  200  404  404  404  404  401  401
POST   /api/notifications/read-all               .              user                      401  200  200  200  200  200  200  401  401
`;

export interface AccessLine {
	/** `GET /api/courses/:id` */
	route: string;
	/** What is asked for, where the route has several lines; `.` for what a caller would ask for first. */
	variant: string;
	/** `public`, `user`, roles, or names of services. */
	access: readonly string[];
	/** Status by actor, in the order of `actors`. */
	statuses: readonly number[];
}

const accessIn = (text: string): string[] => {
	const names = text.replace(/-service$/, "").split(",");
	return (text.endsWith("-service") ? names.map(name => `${name}-service`) : names).sort();
};

export const accessTable: readonly AccessLine[] = table
	.split("\n")
	.filter(line => line && !line.startsWith("#"))
	.map(line => {
		const [method, path, variant = "", access = "", ...statuses] = line.split(/\s+/);
		return {
			route: `${method} ${path}`,
			variant,
			access: accessIn(access),
			statuses: statuses.map(Number),
		};
	});
