"use strict";

// The console: Swagger UI on the contract of this server, and the ways to a token above it. Tokens stay in this page.
const place = document.getElementById("console");
const area = document.getElementById("sign-in");
const said = document.getElementById("said");
const leave = document.getElementById("leave");
const byPhone = document.getElementById("by-phone");
const byCode = document.getElementById("by-code");
const byToken = document.getElementById("by-token");
const installation = crypto.randomUUID ? crypto.randomUUID() : null; // only where the page is secure
// No X-Client: trying is no use of the API that anybody should count.
const headers = { "Accept-Language": place.dataset.language };
if (installation) headers["X-Installation-Id"] = installation;
let challenge = null;

const ui = SwaggerUIBundle({
  url: place.dataset.schema,
  dom_id: "#console",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "none",
  defaultModelsExpandDepth: -1,
  filter: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
  requestInterceptor: (request) => {
    if (!request.loadSpec) request.headers = { ...headers, ...request.headers };
    return request;
  },
  onComplete: () => area.querySelectorAll("fieldset").forEach((door) => (door.disabled = false)),
});

/** One call; the answer's status and body, status 0 when there was none. */
async function call(method, path, { body, token } = {}) {
  try {
    const answer = await fetch(path, {
      method,
      headers: {
        ...headers,
        ...(body && { "Content-Type": "application/json" }),
        ...(token && { Authorization: `Bearer ${token}` }),
      },
      body: body && JSON.stringify(body),
    });
    return { status: answer.status, body: await answer.json() };
  } catch {
    return { status: 0, body: {} };
  }
}

function refused({ status, body }) {
  const sentence = body.errors?.[0]?.detail || body.detail;
  said.textContent = status ? sentence : area.dataset.lost;
}

/** Asks who the token is before it is used, so that a wrong one is told at once. */
async function enter(token) {
  const me = await call("GET", "/api/v1/me", { token });
  if (me.status !== 200) return refused(me);
  ui.preauthorizeApiKey("jwtAuth", token);
  const who = document.createElement("bdi");
  who.textContent = me.body.name || me.body.phone_display;
  said.replaceChildren(`${area.dataset.in} `, who);
  leave.hidden = false;
}

area.querySelectorAll("[data-role]").forEach((button) =>
  button.addEventListener("click", async () => {
    const answer = await call("POST", "/docs/demo-token", { body: { role: button.dataset.role } });
    if (answer.status === 404) said.textContent = area.dataset.unknown;
    else if (answer.status === 200) await enter(answer.body.access_token);
    else refused(answer);
  }),
);

byPhone?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await call("POST", "/api/v1/auth/otp-requests", { body: { phone: byPhone.phone.value } });
  if (answer.status !== 202) return refused(answer);
  challenge = answer.body.otp_request_id;
  said.replaceChildren(Object.assign(document.createElement("bdi"), { dir: "ltr", textContent: answer.body.sent_to }));
  byPhone.hidden = true;
  byCode.hidden = false;
  byCode.code.focus();
});

byCode?.addEventListener("submit", async (event) => {
  event.preventDefault();
  const answer = await call("POST", "/api/v1/auth/otp-verifications", {
    body: { otp_request_id: challenge, code: byCode.code.value },
  });
  byCode.reset();
  if (answer.status !== 200) {
    const again = answer.body.code === "otp_invalid"; // else another code is due
    byCode.hidden = !again;
    byPhone.hidden = again;
    return refused(answer);
  }
  byCode.hidden = true;
  byPhone.hidden = false;
  await enter(answer.body.access_token);
});

byToken.addEventListener("submit", async (event) => {
  event.preventDefault();
  const token = byToken.token.value.trim().replace(/^Bearer\s+/i, "");
  byToken.reset();
  await enter(token);
});

leave.addEventListener("click", () => {
  ui.authActions.logout(["jwtAuth"]);
  said.textContent = area.dataset.out;
  leave.hidden = true;
});
