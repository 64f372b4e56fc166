// Figures, times and names for people.

const whole = new Intl.NumberFormat("en");
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const names = { region: new Intl.DisplayNames(["en"], { type: "region" }), language: new Intl.DisplayNames(["en"], { type: "language" }) };

export const NONE = "–";
export const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

export const count = (value) => (value === null || value === undefined ? NONE : whole.format(value));
export const short = (value) => (value === null || value === undefined ? NONE : Math.abs(value) < 100_000 ? whole.format(value) : compact.format(value));
export const plural = (value, one, many = `${one}s`) => `${count(value)} ${value === 1 ? one : many}`;

export function percent(value, digits = 1) {
  return value === null || value === undefined ? NONE : `${(value * 100).toFixed(digits)}\u202f%`;
}

export function seconds(value) {
  if (value === null || value === undefined) return NONE;
  if (value < 0.9995) return `${Math.round(value * 1000)}\u202fms`;
  if (value < 59.95) return `${value.toFixed(value < 9.95 ? 2 : 1)}\u202fs`;
  const total = Math.round(value);
  const [days, hours, minutes, rest] = [Math.floor(total / 86400), Math.floor(total / 3600) % 24, Math.floor(total / 60) % 60, total % 60];
  if (days) return `${count(days)}\u202fd ${hours}\u202fh`;
  return hours ? `${hours}\u202fh ${minutes}\u202fmin` : `${minutes}\u202fmin ${rest}\u202fs`;
}

export const byUnit = { count, seconds, ratio: percent };

/** The change against the period before: a text, and whether it is good (1), bad (-1) or neither. A share's is in points. */
export function change(now, before, direction, isShare = false) {
  if (now === null || now === undefined || before === null || before === undefined) return null;
  if (now === before) return { text: "no change", arrow: "", verdict: 0 };
  if (isShare) {
    const points = Math.abs(now - before) * 100;
    const text = `${points.toFixed(1)}\u202f${points.toFixed(1) === "1.0" ? "point" : "points"}`;
    return { text, arrow: now > before ? "▲" : "▼", verdict: Math.sign(now - before) * direction };
  }
  if (before === 0) return { text: "new", arrow: "▲", verdict: direction };
  const share = (now - before) / before;
  const size = Math.abs(share) * 100;
  const text = `${size >= 1000 ? count(Math.round(size)) : size >= 9.95 ? size.toFixed(0) : size.toFixed(1)}\u202f%`;
  return { text, arrow: share > 0 ? "▲" : "▼", verdict: Math.sign(share) * direction };
}

function named(kind, pattern, code) {
  if (code === "unknown" || code === "") return "Unknown";
  try {
    return pattern.test(code) ? names[kind].of(code) : code;
  } catch {
    return code;
  }
}

export const country = (code) => named("region", /^[A-Z]{2}$/, code);
export const language = (code) => named("language", /^[a-z]{2,3}$/, code);
export const word = (value) => (value === "unknown" ? "Unknown" : value);
const BRANDS = { ios: "iOS", ipados: "iPadOS", macos: "macOS", whatsapp: "WhatsApp", sms: "SMS", mms: "MMS", api: "API", line: "LINE", wechat: "WeChat", linkedin: "LinkedIn", tiktok: "TikTok", youtube: "YouTube", pos: "POS", ivr: "IVR", rcs: "RCS" };
/** Channels and devices are stored in small letters: known ones get their usual capitals, all others a first one. */
export const channel = (value) => BRANDS[value] ?? (value ? value[0].toUpperCase() + value.slice(1) : value);
export const valueName = (filter, value) => ({ country, language, device: channel, source: channel })[filter]?.(value) ?? word(value);

const formats = new Map();
function dateFormat(timeZone, options) {
  const key = timeZone + JSON.stringify(options);
  if (!formats.has(key)) formats.set(key, new Intl.DateTimeFormat("en-GB", { timeZone, ...options }));
  return formats.get(key);
}

export const moment = (text, zone) => dateFormat(zone, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(text));
export const shortMoment = (text, zone) => dateFormat(zone, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(new Date(text));
export const clock = (text, zone) => dateFormat(zone, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" }).format(new Date(text));
export const dayOf = (text, zone) => dateFormat(zone, { weekday: "long", day: "numeric", month: "long", year: "numeric" }).format(new Date(text));
export const dayName = (day) => dateFormat("UTC", { weekday: "short", day: "numeric", month: "short", year: "numeric" }).format(new Date(`${day}T00:00:00Z`));
export const dayTick = (day) => dateFormat("UTC", { day: "numeric", month: "short" }).format(new Date(`${day}T00:00:00Z`));
export const hourSpan = (hour) => `${String(hour).padStart(2, "0")}:00–${String((hour + 1) % 24).padStart(2, "0")}:00`;
