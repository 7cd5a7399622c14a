/** All of the page's looks: system fonts, both schemes, nothing from elsewhere. */
export const STYLE = `
:root{color-scheme:light dark;--line:light-dark(#d5d9e0,#3a404b);--soft:light-dark(#f4f6f9,#1c2027);--ink:light-dark(#1b1f26,#e4e8ee);--link:light-dark(#0b57b7,#8ab8ff)}
*{box-sizing:border-box}
body{margin:0;font:16px/1.55 system-ui,sans-serif;color:var(--ink);background:light-dark(#fff,#13161b)}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;z-index:1;left:-999px}.skip:focus{left:1rem;top:1rem;background:var(--soft);padding:.5rem}
.page{display:grid;grid-template-columns:21rem minmax(0,1fr);max-width:80rem;margin:auto}
nav{position:sticky;top:0;max-height:100vh;overflow:auto;padding:1.5rem 1rem;border-right:1px solid var(--line);font-size:.875rem}
nav h2{font-size:.8rem;text-transform:uppercase;letter-spacing:.05em;margin:1.25rem 0 .25rem}
nav ul{list-style:none;margin:0;padding:0}nav a{display:flex;align-items:baseline;gap:.3rem;padding:.15rem 0;text-decoration:none;overflow-wrap:anywhere}nav a:hover{text-decoration:underline}
main{padding:1.5rem 2rem 6rem}
h1{font-size:1.9rem;margin:.2rem 0}h2{margin-top:2.5rem;border-bottom:1px solid var(--line)}h2::first-letter{text-transform:uppercase}
article{margin:1.5rem 0;padding:1rem 1.25rem;border:1px solid var(--line);border-radius:.5rem;scroll-margin-top:1rem}article:target{border-color:var(--link)}section{scroll-margin-top:1rem}
article h3{margin:0;font-size:1.05rem;overflow-wrap:anywhere}article h4{margin:1rem 0 .25rem}
.method{display:inline-block;flex:none;min-width:4.6em;font:600 .8rem ui-monospace,monospace}
code,pre{font:.85rem/1.5 ui-monospace,monospace}p code,td code{background:var(--soft);padding:.05em .3em;border-radius:.25em}
pre{background:var(--soft);padding:.75rem;overflow:auto;max-height:28rem;border-radius:.35rem;margin:.5rem 0}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.9rem}
th,td{text-align:left;vertical-align:top;padding:.35rem .6rem .35rem 0;border-top:1px solid var(--line)}td p{margin:0}td code{overflow-wrap:break-word}td:nth-child(2){max-width:20rem}td:nth-child(3){min-width:14rem}
summary{cursor:pointer;padding:.2rem 0}details details{margin-left:1rem}
@media(max-width:50rem){.page{display:block}nav{position:static;max-height:40vh;border:0;border-bottom:1px solid var(--line)}main{padding:1rem}thead{display:none}table,tbody,tr,td{display:block}td,td:nth-child(n){min-width:0;max-width:none;padding:0;border:0}tr{padding:.5rem 0;border-top:1px solid var(--line)}}
@media print{nav{display:none}.page{display:block}}
`;
