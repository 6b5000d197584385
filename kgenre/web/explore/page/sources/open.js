// Chooses the data source: the only place that knows that there are two.

/** @import { DataSource } from "page/core/types" */
import { openOfflineSource } from "page/sources/offline.js";
import { openServerSource } from "page/sources/server.js";

/** @returns {Promise<DataSource>} */
export async function openSource() {
  const embedded = document.getElementById("data")?.textContent;
  if (embedded) return openOfflineSource(JSON.parse(embedded));
  const token = /** @type {HTMLMetaElement | null} */ (document.querySelector('meta[name="kgenre-token"]'));
  return openServerSource(token?.content ?? "");
}
