
const packed = document.getElementById("table-library").textContent.trim();
const tables = document.querySelectorAll("table.sortable");
const DataTable = await load(packed);
for (const table of tables) {
  const many = table.tBodies[0].rows.length > 8;
  new DataTable(table, {
    paging: false,
    info: false,
    order: [],
    autoWidth: false,
    searching: many,
    language: { search: "Filter ", zeroRecords: "No matching rows." },
    layout: { topStart: null, topEnd: many ? "search" : null, bottomStart: null, bottomEnd: null },
  });
}

async function load(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const source = await new Response(unpacked).text();
  const url = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
  try {
    return (await import(url)).default;
  } finally {
    URL.revokeObjectURL(url);
  }
}
