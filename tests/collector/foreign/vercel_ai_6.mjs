// An agent on Vercel's AI SDK 6, with its telemetry switched on.
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { contactHuman, findOrder, talk } from "./shop.mjs";

const inputSchema = z.object({ order_id: z.string() });
const agent = {
  model: createOpenAI({ baseURL: process.env.OPENAI_BASE_URL }).chat("gpt-4o-mini"),
  tools: {
    find_order: tool({ inputSchema, execute: findOrder }),
    contact_human: tool({ inputSchema, execute: contactHuman }),
  },
  stopWhen: stepCountIs(5),
  maxRetries: 0,
  experimental_telemetry: { isEnabled: true, metadata: { sessionId: "vercel-ai-6", userId: "customer-1" } },
};

await talk(
  async (prompt) => (await generateText({ ...agent, prompt })).text,
  (prompt) => streamText({ ...agent, prompt }).text,
);
