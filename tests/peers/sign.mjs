// Signs a webhook with each provider's own library: one line of JSON for each.

import { createRequire } from "node:module";

const [, , modules, textSecret, base64Secret, origin] = process.argv;
const require = createRequire(`${modules}/`);
const body = '{"id": "evt_node", "type": "invoice.paid", "note": "café \\u00e9 10.00"}';
const now = Math.floor(Date.now() / 1000);
const say = (scheme, headers, content = body, query = "") =>
  console.log(JSON.stringify({ scheme, headers, body: content, query }));

const Stripe = require("stripe");
const stripe = new (Stripe.default ?? Stripe)("sk_test_unused");
say("stripe", {
  "Stripe-Signature": stripe.webhooks.generateTestHeaderString({
    payload: body,
    secret: textSecret,
    timestamp: now,
  }),
});

for (const [scheme, module, prefix] of [
  ["standard-webhooks", "standardwebhooks", "webhook"],
  ["svix", "svix", "svix"],
]) {
  const { Webhook } = require(module);
  const signature = new Webhook(base64Secret).sign("msg_1", new Date(now * 1000), body);
  say(scheme, {
    [`${prefix}-id`]: "msg_1",
    [`${prefix}-timestamp`]: String(now),
    [`${prefix}-signature`]: signature,
  });
}

const { getExpectedTwilioSignature } = require("twilio");
const form = { CallSid: "CA1", From: "+15551230000", Body: "hi é" };
const url = `${origin}/webhooks/node/twilio?a=1`;
say(
  "twilio",
  {
    "X-Twilio-Signature": getExpectedTwilioSignature(textSecret, url, form),
    "Content-Type": "application/x-www-form-urlencoded",
  },
  "CallSid=CA1&From=%2B15551230000&Body=hi+%C3%A9",
  "?a=1",
);

const { sign } = await import(`${modules}/@octokit/webhooks-methods/dist-node/index.js`).catch(
  () => import(`${modules}/@octokit/webhooks-methods/dist-bundle/index.js`),
);
say("github", {
  "X-Hub-Signature-256": await sign(textSecret, body),
  "X-GitHub-Event": "push",
  "X-GitHub-Delivery": "delivery-1",
});
