// What `webhooks` does, as one would write it in Node: a GitHub webhook is verified, sent to SQS, answered.
import { createHmac, timingSafeEqual } from "node:crypto";
import { SendMessageCommand, SQSClient } from "@aws-sdk/client-sqs";

const secret = process.env.SECRET;
const queueUrl = process.env.QUEUE_URL;
const sqs = new SQSClient({});

const isSigned = (body, signature) => {
  const expected = `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
  return (
    signature.length === expected.length &&
    timingSafeEqual(Buffer.from(signature), Buffer.from(expected))
  );
};

export const handler = async (event) => {
  const body = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
  if (!isSigned(body, event.headers["x-hub-signature-256"] ?? "")) {
    return { statusCode: 401 };
  }
  const message = {
    delivery: event.headers["x-github-delivery"],
    type: event.headers["x-github-event"],
    body: body.toString("base64"),
  };
  await sqs.send(
    new SendMessageCommand({ QueueUrl: queueUrl, MessageBody: JSON.stringify(message) }),
  );
  return { statusCode: 200, body: "" };
};
