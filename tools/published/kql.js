// Asks Microsoft's own analyser about KQL. In: {"tables": {name: "column:type, ..."}, "queries": {name: text}} on the
// standard input; out: for each query its faults, as [{"message", "at"}], and the columns of its result. A query may call
// those before it as functions.
const path = require("path");
const folder = path.join(process.argv[2], "@kusto", "language-service-next");
require(path.join(folder, "bridge.min.js"));
require(path.join(folder, "Kusto.Language.Bridge.min.js"));

const { tables, queries } = JSON.parse(require("fs").readFileSync(0, "utf8"));
const symbols = Object.entries(tables).map(
  ([name, columns]) => new Kusto.Language.Symbols.ExternalTableSymbol.$ctor4(name, `(${columns})`, null));

function globals() {
  const database = new Kusto.Language.Symbols.DatabaseSymbol.$ctor1("lake", symbols, false);
  return Kusto.Language.GlobalState.Default.WithDatabase(database);
}

const answer = {};
for (const [name, text] of Object.entries(queries)) {
  const code = Kusto.Language.KustoCode.ParseAndAnalyze(text, globals());
  const found = code.GetDiagnostics();
  const faults = [];
  for (let i = 0; i < found.Count; i++) {
    faults.push({ message: found.getItem(i).Message, at: found.getItem(i).Start });
  }
  const columns = code.ResultType && code.ResultType.Columns;
  answer[name] = { faults, columns: columns ? Array.from({ length: columns.Count }, (_, i) => columns.getItem(i).Name) : [] };
  symbols.push(new Kusto.Language.Symbols.FunctionSymbol.$ctor16(name, "()", `{ ${text}\n}`, null));
}
process.stdout.write(JSON.stringify(answer));
