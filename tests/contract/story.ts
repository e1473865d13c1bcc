// A client in TypeScript, made from the description, goes through one story: an integration, an endpoint,
// a webhook as Stripe signs it, the event that comes of it, and the end of the integration.
//
// The compiler sees to it that the client's types agree with what is sent and read here.

import createClient from "openapi-fetch";
import { createHmac } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import type { components, paths } from "./description.js";

type Event = components["schemas"]["EventView"];

const [baseUrl, token] = process.argv.slice(2) as [string, string];
const secret = "whsec_example";
const client = createClient<paths>({ baseUrl, headers: { authorization: `Bearer ${token}` } });

/** What was answered, if it is no problem. */
function done<T>(answer: { data?: T; error?: components["schemas"]["Problem"] }): T {
  if (answer.error !== undefined || answer.data === undefined) {
    throw new Error(answer.error?.detail ?? "the answer has no body");
  }
  return answer.data;
}

async function sendWebhook(path: string, id: string): Promise<number> {
  const body = JSON.stringify({ id, type: "invoice.paid", amount: 4200 });
  const at = Math.floor(Date.now() / 1000);
  const digest = createHmac("sha256", secret).update(`${at}.${body}`).digest("hex");
  const headers = { "stripe-signature": `t=${at},v1=${digest}`, "content-type": "application/json" };
  return (await fetch(baseUrl + path, { method: "POST", headers, body })).status;
}

async function firstEvent(integrationId: string): Promise<Event> {
  for (let tries = 0; tries < 300; tries += 1) {
    const query = { limit: 1 };
    const page = done(
      await client.GET("/portal/integrations/{integrationId}/webhooks/logs", {
        params: { path: { integrationId }, query },
      }),
    );
    const [event] = page.items;
    if (event !== undefined) return event;
    await pause(100);
  }
  throw new Error("no event was listed");
}

const integration = done(
  await client.POST("/portal/integrations", {
    body: {
      name: "A story",
      type: "payment",
      provider: "stripe",
      authMethod: "api_key",
      credentials: { apiKey: "sk_test_example" },
    },
  }),
);
const integrationId = integration.id;
const endpoint = done(
  await client.POST("/portal/integrations/{integrationId}/webhooks", {
    params: { path: { integrationId } },
    body: { endpoint: `/webhooks/stripe/${integrationId}`, events: ["invoice.*"], secret },
  }),
);
const status = await sendWebhook(endpoint.endpoint, "evt_story");
if (status !== 200) throw new Error(`the webhook was answered ${status}`);
const event = await firstEvent(integrationId);
if (event.providerEventId !== "evt_story" || event.eventType !== "invoice.paid") {
  throw new Error(`another event was listed: ${JSON.stringify(event)}`);
}
const gone = done(
  await client.DELETE("/portal/integrations/{integrationId}", { params: { path: { integrationId } } }),
);
const missing = await client.GET("/portal/integrations/{integrationId}", { params: { path: { integrationId } } });
if (!gone.deleted || missing.error?.code !== "not_found") throw new Error("it is still there");
console.log(`TypeScript: ${integrationId} took ${event.id}, and is gone`);
