// Programs of the graphics card. The points are discs. WebGL 2.

const VERTEX = `#version 300 es
in vec2 position;
in vec4 colour;
uniform vec2 scale;
uniform vec2 shift;
uniform float size;
out vec4 tint;
void main() {
  gl_Position = vec4(position * scale + shift, 0.0, 1.0);
  gl_PointSize = size;
  tint = colour;
}`;

const FRAGMENT = `#version 300 es
precision highp float;
in vec4 tint;
uniform float size;
out vec4 result;
void main() {
  float inside = clamp((0.5 - distance(gl_PointCoord, vec2(0.5))) * size, 0.0, 1.0);
  if (inside == 0.0) discard;
  result = vec4(tint.rgb, 1.0) * tint.a * inside;
}`;

export const POSITION = 0, COLOUR = 1; // numbers of the attributes

/** @param {WebGL2RenderingContext} gl @param {string} vertex @param {string} fragment */
export function link(gl, vertex, fragment) {
  const program = gl.createProgram();
  for (const [kind, text] of /** @type {[number, string][]} */ ([[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]])) {
    const shader = /** @type {WebGLShader} */ (gl.createShader(kind));
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.bindAttribLocation(program, POSITION, "position");
  gl.bindAttribLocation(program, COLOUR, "colour");
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS) && !gl.isContextLost()) {
    throw new Error(gl.getProgramInfoLog(program) ?? "the shaders cannot be linked");
  }
  return program;
}

/** @param {WebGL2RenderingContext} gl */
export function pointProgram(gl) {
  const program = link(gl, VERTEX, FRAGMENT), uniform = (/** @type {string} */ name) => gl.getUniformLocation(program, name);
  return { program, scale: uniform("scale"), shift: uniform("shift"), size: uniform("size") };
}
