// What Grafana's own code makes of panels and their data: each text and figure as it is shown, each link's address.
// Reads [{panel, fields: [{name, type, values}], variables}] on stdin; writes [{cells, shown}] on stdout.
globalThis.window = globalThis.window || {};
globalThis.navigator = globalThis.navigator || { language: 'en', languages: ['en'] };
const {
  applyFieldOverrides, createTheme, displayNameOverrideProcessor, FieldType, formattedValueToString, getFieldDisplayName, getFieldDisplayValues,
  getFieldDisplayValuesProxy, standardFieldConfigEditorRegistry, toDataFrame,
} = require('@grafana/data');

// Grafana's own list of field options is in its user interface; what is set here is put into a field as it is.
const OPTIONS = ['unit', 'decimals', 'displayName', 'noValue', 'mappings', 'thresholds', 'links', 'color', 'min', 'max'];
standardFieldConfigEditorRegistry.setInit(() =>
  OPTIONS.map((id) => {
    const process = id === 'displayName' ? displayNameOverrideProcessor : (value) => value;
    return { id, path: id, name: id, process, settings: { expandTemplateVars: true }, shouldApply: () => true };
  })
);

const strictly = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase());

// As Grafana's runtime does, which is not in the package: values of the row, labels, and the dashboard's variables.
const replacing = (variables) => (text, scoped) =>
  text.replace(/\$\{([\w.]+)(?::(\w+))?\}/g, (match, path, format) => {
    const [first, second, ...rest] = path.split('.');
    const context = scoped?.__dataContext?.value;
    let value = match;
    if (first === '__data' && second === 'fields') {
      if (context?.rowIndex === undefined) return match; // to be replaced when the row is known
      value = String(getFieldDisplayValuesProxy({ frame: context.frame, rowIndex: context.rowIndex })[rest.join('.')]);
    } else if (first === '__field' && second === 'labels') {
      value = (context?.field ?? scoped.__field.value).labels[rest.join('.')];
    } else if (first === '__url_time_range') {
      return 'from=1&to=2';
    } else if (first in variables) {
      if (format === 'queryparam') {
        return [variables[first]].flat().map((one) => `var-${first}=${strictly(one)}`).join('&');
      }
      value = variables[first];
    }
    return format === 'percentencode' ? strictly(value) : value;
  });

const asked = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const theme = createTheme();
const answers = asked.map(({ panel, fields, variables }) => {
  const replaceVariables = replacing(variables);
  const [frame] = applyFieldOverrides({
    data: [toDataFrame({ fields: fields.map((field) => ({ ...field, config: {} })) })],
    fieldConfig: panel.fieldConfig, replaceVariables, theme, timeZone: 'utc',
    fieldConfigRegistry: undefined,
  });
  const cells = frame.fields.map((field) => ({
    name: field.name,
    title: getFieldDisplayName(field, frame),
    isText: field.type === FieldType.string,
    texts: Array.from(field.values, (value) => formattedValueToString(field.display(value))),
    links: Array.from(field.values, (_, row) => field.getLinks({ valueRowIndex: row }).map((link) => link.href)),
  }));
  const shown = panel.options?.reduceOptions
    ? getFieldDisplayValues({
        data: [frame], fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions, replaceVariables,
        theme, timeZone: 'utc',
      }).map(({ display, getLinks }) => ({
        title: display.title, text: formattedValueToString(display), color: display.color,
        links: getLinks ? getLinks().map((link) => link.href) : [],
      }))
    : null;
  return { cells, shown };
});
process.stdout.write(JSON.stringify(answers));
